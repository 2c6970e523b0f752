package cli

// sub is one subcommand.
type sub struct {
	name     string
	synopsis string // name and arguments
	about    string
	run      func(c *command, args []string) (int, error)
}

// subcommands returns all of them, in the order of the help text.
func subcommands() []sub {
	return nil
}

// subcommand returns the subcommand of that name, nil if there is none.
func subcommand(name string) *sub {
	for _, s := range subcommands() {
		if s.name == name {
			return &s
		}
	}
	return nil
}
