"""A fitted reward behind HTTP: the forms that trainers and engines speak, intervals, rankings, and a page to try texts by hand."""
