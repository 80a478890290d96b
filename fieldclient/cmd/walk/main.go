// Command walk plays one season of a preventive mechanism from beginning to end: a real server and real laptops, each
// command a process of its own, over real HTTP, in a fresh temporary folder. It says what each step shows, checks it,
// and ends with "all steps passed". `make demo` runs it.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	bin := flag.String("bin", "bin", "folder with kua and kua-server")
	field := flag.Bool("field", false, "passphrases that cost as much to check as in the field: a second for each command")
	flag.Parse()
	if !*field {
		fmt.Println("Passphrases are cheap to check here, so that a hundred unlocks take no minutes; -field makes them as in the field.")
	}
	if err := run(*bin, !*field, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "\nwalk: %v\n", err)
		os.Exit(1)
	}
}
