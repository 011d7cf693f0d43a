"""What is known of words before any document is seen: how common, and how related.

Both tables are made by ``scripts/make_lexicon.py`` and shipped; NOTICE names their
sources and licences. They hold features and numbers, no strings.
"""
