"""The site of the documents: staged from ``docs`` and from the code, built by Zensical into ``build/site``."""
