"""Bodies, queries and answers of the REST interface, one file per resource. They validate, document and generate the types of the page."""
