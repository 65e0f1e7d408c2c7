// Command docgen writes the documents that come from the code; "make generate"
// runs it. It is no part of the product.
package main

import (
	"context"
	"fmt"
	"os"

	"eventanalytics/services/standalone/docgen"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: docgen <folder of the repository>")
		os.Exit(2)
	}
	if err := docgen.Write(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}
