"""Parts that the pages share: state, context bar, formats, guards."""
