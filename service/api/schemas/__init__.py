"""The objects of the API, each declared once: one marshmallow schema reads what is sent, writes what is returned, and is what the
OpenAPI document shows. A field that is not declared here can be neither sent nor returned.
"""
