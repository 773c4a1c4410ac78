"""GPT4All: local language models, each in its own process."""
