package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "policygen:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("policygen", flag.ContinueOnError)
	check := flags.Bool("check", false, "write nothing; fail when a generated file is stale")
	name := flags.String("new", "", "write the skeleton of a new policy of this type, then generate")
	root := flags.String("root", "", "root of the repository; found from the working directory when empty")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *root == "" {
		var err error
		if *root, err = findRoot(); err != nil {
			return err
		}
	}
	if *name != "" {
		folder, err := writeSkeleton(*root, *name)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, "wrote the skeleton in", folder)
	}
	files, err := generate(*root)
	if err != nil {
		return err
	}
	if *check {
		return checkFiles(*root, files)
	}
	return writeFiles(*root, files, out)
}

// findRoot walks up from the working directory to the repository's root.
func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, policies)); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("run it inside the repository: no folder above has " + policies)
		}
		dir = up
	}
}

// generate makes every file, by path from the root.
func generate(root string) (map[string][]byte, error) {
	list, err := scan(root)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	if files[policies+"/builtin/list_gen.go"], err = listFile(list); err != nil {
		return nil, err
	}
	if files[policies+"/builtin/catalogue_gen.json"], err = catalogueFile(list); err != nil {
		return nil, err
	}
	if err := docFiles(root, list, files); err != nil {
		return nil, err
	}
	return files, nil
}
