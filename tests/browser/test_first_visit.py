"""The first visit to a dashboard that has just been started, when everything is still to be loaded."""

from tests.browser.conftest import Visitor, serving
from tests.support.serving import WIDE


def test_nothing_comes_from_elsewhere(browser, root, tmp_path):
    with serving(root, tmp_path / "log.txt") as address:
        visitor, asked = Visitor(browser, address, WIDE), []
        visitor.page.on("request", lambda request: asked.append(request.url))
        visitor.open("")
        visitor.page.get_by_role("link", name="Curves").click()
        visitor.page.wait_for_url("**/curves*")
        visitor.settle()
        assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
        visitor.check()
        visitor.context.close()
