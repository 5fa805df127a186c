"""The commands of ``python -m sedcore``, one group a file: `register` adds its parsers."""
