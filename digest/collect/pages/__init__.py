"""The ways in which an article page is read; `page` puts what they find together. One module per question, all pure.

`tree` parses, `blocks` makes paragraphs of a part of the page, `container` finds the part that holds the article,
`tidy` takes off what is around it, `families` knows the shapes of the common Korean newspaper systems, `metadata` reads
what the page says to machines, and the others read one field each.
"""
