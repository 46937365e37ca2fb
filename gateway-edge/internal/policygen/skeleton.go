package main

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// skeleton is a policy that works: it answers requests with a fixed header
// field. Its files have the ending .tmpl, so that they are no part of a build;
// TYPE, FOLDER and TITLE in them are replaced.
//
//go:embed skeleton
var skeleton embed.FS

var typeName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// writeSkeleton makes the folder of a new policy and returns its path.
func writeSkeleton(root, typ string) (string, error) {
	if !typeName.MatchString(typ) || len(typ) > 40 {
		return "", fmt.Errorf("%q is no type: lower-case letters, digits and single underscores, a letter first, at most 40", typ)
	}
	folder := strings.ReplaceAll(typ, "_", "")
	dir := filepath.Join(root, policies, folder)
	if _, err := os.Stat(dir); err == nil {
		return "", fmt.Errorf("%s/%s exists already", policies, folder)
	}
	title := strings.ReplaceAll(typ, "_", " ")
	fill := strings.NewReplacer("TYPE", typ, "FOLDER", folder, "TITLE", strings.ToUpper(title[:1])+title[1:])
	err := fs.WalkDir(skeleton, "skeleton", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := skeleton.ReadFile(path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, strings.TrimSuffix(strings.TrimPrefix(path, "skeleton/"), ".tmpl"))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, []byte(fill.Replace(string(raw))), 0o644)
	})
	if err != nil {
		return "", err
	}
	return policies + "/" + folder, nil
}
