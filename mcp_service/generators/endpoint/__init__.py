"""OpenAI-compatible endpoints: requests, lenient reading of answers, errors, and what is learnt of a server."""
