"""Model families, a file each, and the registry that names them."""
