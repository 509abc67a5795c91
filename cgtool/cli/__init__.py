"""The command line: options in, words and exit codes out. The only place that imports click."""
