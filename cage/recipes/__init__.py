"""The files of a cage's folder: rendered, read, merged, and put in their place."""
