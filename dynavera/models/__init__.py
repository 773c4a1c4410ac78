"""GPT4All's models: the files on this machine, the catalogue, and the way from there to here."""
