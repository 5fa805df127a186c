"""The commands of ``python -m sedcore``, a group a file: each adds its parsers with `register` and answers them."""
