"""GPT4All: language models on this machine, each in a process of its own."""
