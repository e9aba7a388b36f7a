"""The canvas: the document and one run of it as a picture, and the gestures that edit it."""
