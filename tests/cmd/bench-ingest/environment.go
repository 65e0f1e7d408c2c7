package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"eventanalytics/tests/bench/measure"
)

// printEnvironment prints the conditions under which the figures were measured.
func (b *bench) printEnvironment(ctx context.Context) error {
	postgres, err := measure.Postgres(ctx, b.conn)
	if err != nil {
		return err
	}
	fmt.Printf("- Machine: %s; client, service and Postgres share it\n", measure.Machine())
	fmt.Printf("- %s\n", postgres)
	fmt.Printf("- Service: %s, reached without a gateway, by API key; limits set to %s\n", runtime.Version(), strings.Join(rates, ", "))
	fmt.Printf("- Upload: %d events, %.1f MB of JSON, UUIDv4, 2 %% late; %d rounds, medians\n",
		b.Events, float64(len(b.pool.Append(nil, b.stream.Append(nil, b.Events))))/1e6, b.Rounds)
	return nil
}
