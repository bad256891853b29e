"""The gateway: upstream services as nouns and as plain routes, beside the endpoint modules and under the same rules.

`routes` is where a request is matched, `relay` where it is sent on, `transport` the port to whoever speaks HTTP to the
upstreams, and `upstreams` what is known of these.
"""
