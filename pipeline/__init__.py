"""A photo's way to a white cut-out, and everything around it.

Importing this package loads nothing heavy; each stage is imported where it is used.
"""
