"""The artifact root: the only code that writes or reads runs, and the file habits all formats share."""
