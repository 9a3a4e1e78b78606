"""Bodies, queries and answers of the REST interface, one file per resource.

They validate requests, document the interface, and the page's types are generated from them.
"""
