"""The API half: objects with one revision counter, served over HTTP as a kube-apiserver serves them.

store, window, subscriptions                    the objects and their events; no I/O
objects, metadata, managedfields                what the server sets and checks in an object
patches, selectors, options, bodies, statuses   what requests say, and what they are told
listing, watch, representation, documents, app  the HTTP application
garbage, statefile, server                      the collector, the state on disk, the server itself
"""
