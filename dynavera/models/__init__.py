"""GPT4All models: the installed files, the catalogue, and the download."""
