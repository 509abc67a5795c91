"""One file a command: joins the layers below and returns a result. Usable from Python without the command line."""
