package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/tollgate/tollgate/infra/tollgate/cli/fault"
)

// Default is the name of the profile that is used where none was chosen.
const Default = "default"

// maxFile bounds the configuration file, in bytes.
const maxFile = 1 << 20

// Profile is one portal, and who one is there.
type Profile struct {
	URL string `yaml:"url"`
	// Token is a management token, tgm_….
	Token string `yaml:"token,omitempty"`
	// Gateway is the one that commands are about when they don't say.
	Gateway string `yaml:"gateway,omitempty"`
	// Organization is shown in lists: a token belongs to one.
	Organization string `yaml:"organization,omitempty"`
	// Expires is when the token ends, RFC 3339; empty: not known, or never.
	Expires string `yaml:"expires_at,omitempty"`
}

// File is the configuration file.
type File struct {
	Current  string             `yaml:"current,omitempty"`
	Profiles map[string]Profile `yaml:"profiles,omitempty"`

	path string
}

// nameRE is what a profile may be called.
var nameRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// CheckName says whether a profile may be called so.
func CheckName(name string) error {
	if !nameRE.MatchString(name) {
		return fault.Mistake(fmt.Errorf("profile %q: a name has letters, digits, dots, dashes and underscores, at most 64", name))
	}
	return nil
}

// Path is where the file is for an environment: of TOLLGATE_CONFIG, else below the
// user's directory for configuration.
func Path(env func(string) string) (string, error) {
	if p := env("TOLLGATE_CONFIG"); p != "" {
		return p, nil
	}
	dir := env("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) { // the specification says to ignore others
		home := env("HOME")
		if runtime.GOOS == "windows" {
			home = env("USERPROFILE")
		}
		if home == "" {
			return "", fault.New(fault.Failed, "set TOLLGATE_CONFIG to a file's path", "there is no home directory to keep the configuration in")
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "tollgate", "config.yaml"), nil
}

// Read reads a configuration file; one that is not there is empty.
func Read(path string) (*File, error) {
	f := &File{path: path}
	in, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fault.New(fault.Failed, "run `chmod 600 "+path+"`, and make new tokens if somebody may have read it",
			fmt.Sprintf("others may read %s (mode %04o), and it holds tokens", path, mode))
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if len(raw) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d bytes: it is no configuration of this program", path, maxFile)
	}
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(f); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s is not as it should be: %s", path, yamlText(err))
	}
	return f, nil
}

// yamlText is a YAML error without the values that it quotes: they may be tokens.
func yamlText(err error) string {
	var types *yaml.TypeError
	if errors.As(err, &types) {
		var lines []string
		for _, e := range types.Errors {
			line, _, _ := strings.Cut(e, ":")
			lines = append(lines, line)
		}
		return "an unknown field or a wrong type at " + strings.Join(lines, ", ")
	}
	return "it is no YAML"
}

// Write replaces the file.
func (f *File) Write() error {
	raw, err := yaml.Marshal(f)
	if err != nil {
		return fmt.Errorf("encode the configuration: %w", err)
	}
	dir := filepath.Dir(f.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of the configuration: %w", err)
	}
	// Made with mode 0600.
	tmp, err := os.CreateTemp(dir, ".config-*")
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(raw)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), f.path)
	}
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

// Set makes or replaces a profile.
func (f *File) Set(name string, p Profile) {
	if f.Profiles == nil {
		f.Profiles = map[string]Profile{}
	}
	f.Profiles[name] = p
}

// Chosen is what flags and the environment say; empty fields say nothing.
type Chosen struct {
	Profile string // its name
	URL     string
	Token   string
	Gateway string
}

// Resolve finds the profile that a command works with, and its name. What was chosen
// wins over the file, but a token of the file's is never sent to another portal than
// its own.
func (f *File) Resolve(c Chosen) (string, Profile, error) {
	name := c.Profile
	if name == "" {
		name = f.Current
	}
	if name == "" {
		name = Default
	}
	p, known := f.Profiles[name]
	if c.Profile != "" && !known && c.URL == "" {
		return name, p, fault.New(fault.Usage, "see `tollgate profiles`, or make it with `tollgate login --profile "+name+"`", fmt.Sprintf("there is no profile %q in %s", name, f.path))
	}
	if c.URL != "" && !SamePortal(c.URL, p.URL) {
		p = Profile{URL: c.URL}
	}
	if c.Token != "" {
		p.Token, p.Expires, p.Organization = c.Token, "", ""
	}
	if c.Gateway != "" {
		p.Gateway = c.Gateway
	}
	return name, p, nil
}

// SamePortal says whether two URLs are the same portal's.
func SamePortal(a, b string) bool {
	ua, erra := url.Parse(strings.TrimRight(a, "/"))
	ub, errb := url.Parse(strings.TrimRight(b, "/"))
	return erra == nil && errb == nil && ua.Scheme == ub.Scheme && strings.EqualFold(ua.Host, ub.Host) && ua.Path == ub.Path
}
