package page

import "testing"

func TestReplace(t *testing.T) {
	tests := []struct{ name, page, want, err string }{
		{"keeps the words around", "a\n<!-- t -->\nold\n<!-- /t -->\nb\n", "a\n<!-- t -->\n\nnew\n\n<!-- /t -->\nb\n", ""},
		{"needs the first marker", "a\n", "", `no marker "<!-- t -->"`},
		{"needs the second marker", "<!-- t -->\n", "", `no marker "<!-- /t -->"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := replace(tt.page, "t", "new\n")
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if (err == nil) != (tt.err == "") || err != nil && err.Error() != tt.err {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestTable(t *testing.T) {
	got := Table{Head: []string{"a", "b"}, Rows: [][]string{{"x", "1"}}}.String()
	if want := "| a | b |\n|---|---:|\n| x | 1 |\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
