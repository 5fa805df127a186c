"""Starting and stopping training processes. Light: TensorFlow runs in the children."""
