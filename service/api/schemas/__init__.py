"""The objects of the API, each declared once: the same marshmallow schema parses requests, serialises responses and is
described in the OpenAPI document. A field that is not declared here can be neither sent nor returned.
"""
