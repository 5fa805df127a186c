"""Data sets and imports: choosing a data set, pictures of clips, previews of imports."""
