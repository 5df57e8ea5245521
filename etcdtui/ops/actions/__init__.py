"""One verb a file; `etcdtui.ops.registry` lists them."""
