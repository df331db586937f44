"""Faults of an API server and of the network before it, on demand, for tests.

plan      which requests meet with a fault, how often, and which requests came
answers   answers in place of the right one, and right lists that are damaged on the way
streams   watches that say something else, or are damaged on the way
proxy     what happens below HTTP: resets, silence, slowness, refusal, and TLS

    plan = Plan()
    server = LocalServer(kubeconfig, ServerSettings(middlewares=[plan.middleware]))
    plan.add("watch", refuse(429, retry_after=3), times=2)
    plan.add("list", truncated(), page=2)
    ...
    plan.heal()
    assert plan.busiest(60) <= 10
"""
