package main

import "context"

func daemons(ctx context.Context, t *table) error { return nil }
