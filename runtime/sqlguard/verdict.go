package sqlguard

import (
	"database/sql/driver"
	"errors"
	"reflect"
	"strings"

	resil "github.com/resilgo/resil/runtime"
)

// isAnswer reports whether an error of a driver says that the server is up and
// has judged the statement. No driver is imported: errors are told by what
// they offer.
func isAnswer(err error) bool {
	if err == driver.ErrSkip { //nolint:errorlint // database/sql compares it like this
		return true // no error at all: "ask me in another way"
	}
	if errors.Is(err, driver.ErrBadConn) {
		return false
	}
	var state interface{ SQLState() string } // pgx, lib/pq, and others
	if errors.As(err, &state) {
		return !sqlStateFails(state.SQLState())
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if number, ok := mysqlNumber(e); ok {
			return !mysqlFails[number]
		}
		if code, ok := sqliteCode(e); ok {
			return !sqliteFails[code&0xff]
		}
	}
	return false
}

// sqlStateFails reports whether a SQLSTATE is a failure of the server, by the
// classes of PostgreSQL's appendix A.
func sqlStateFails(state string) bool {
	if len(state) != 5 {
		return true
	}
	switch state[:2] {
	case "08", // connection exception
		"53", // insufficient resources: too many connections, disk full, out of memory
		"57", // operator intervention: shutdown, cannot connect now, statement timeout
		"58", // system error: input and output
		"F0", // configuration file error
		"XX": // internal error, corrupted data
		return true
	}
	return false
}

// mysqlNumber returns the number of an error of go-sql-driver/mysql.
func mysqlNumber(err error) (uint16, bool) {
	v := reflect.ValueOf(err)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct || v.Elem().Type().Name() != "MySQLError" {
		return 0, false
	}
	f := v.Elem().FieldByName("Number")
	if !f.IsValid() || f.Kind() != reflect.Uint16 {
		return 0, false
	}
	return uint16(f.Uint()), true
}

// mysqlFails are the numbers by which a MySQL server says that it is in
// trouble. All others are answers.
var mysqlFails = map[uint16]bool{
	1021: true, // disk full
	1037: true, // out of memory
	1038: true, // out of sort memory
	1040: true, // too many connections
	1041: true, // out of resources
	1042: true, // cannot get the client's host name
	1043: true, // bad handshake
	1053: true, // shutdown in progress
	1077: true, // normal shutdown
	1079: true, // shutdown complete
	1080: true, // forced close
	1105: true, // unknown error
	1129: true, // host is blocked
	1135: true, // cannot create a thread
	1152: true, // aborted connection
	1158: true, // read error from the network
	1159: true, // read timeout
	1160: true, // write error
	1161: true, // write timeout
	1203: true, // user has too many connections
	1205: true, // lock wait timeout: slow is failing
	1290: true, // running read-only: the primary is gone
	1836: true, // read-only mode
	3024: true, // maximum execution time exceeded
}

// sqliteCode returns the result code of an error of modernc.org/sqlite or
// mattn/go-sqlite3.
func sqliteCode(err error) (int, bool) {
	t := reflect.TypeOf(err)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if !strings.Contains(t.PkgPath(), "sqlite") {
		return 0, false
	}
	if c, ok := err.(interface{ Code() int }); ok {
		return c.Code(), true
	}
	v := reflect.Indirect(reflect.ValueOf(err))
	if v.Kind() != reflect.Struct {
		return 0, false
	}
	f := v.FieldByName("Code")
	if !f.IsValid() || !f.CanInt() {
		return 0, false
	}
	return int(f.Int()), true
}

// sqliteFails are the primary result codes by which SQLite says that it is in
// trouble.
var sqliteFails = map[int]bool{
	2:  true, // internal
	5:  true, // busy
	6:  true, // locked
	7:  true, // no memory
	10: true, // input or output
	11: true, // corrupt
	13: true, // full
	14: true, // cannot open
	15: true, // protocol
	22: true, // no large files
	26: true, // not a database
}

// kindOf tells by a statement's first word whether it reads or writes.
func kindOf(query string) resil.Kind {
	word, rest := firstWord(query)
	switch word {
	case "SELECT", "SHOW", "EXPLAIN", "VALUES", "TABLE", "DESCRIBE", "DESC", "PRAGMA", "USE", "SET", "FETCH", "DECLARE":
		return resil.Read
	case "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "CLOSE", "DEALLOCATE", "DISCARD", "RESET":
		return resil.Unmarked
	case "WITH":
		for rest != "" {
			if word, rest = firstWord(rest); writes[word] {
				return resil.Write
			}
		}
		return resil.Read
	}
	return resil.Write
}

// writes are the words that may follow WITH and write. In a string or as a name
// one of them is taken for the verb: too strict at Minimal is the safe side.
var writes = map[string]bool{"INSERT": true, "UPDATE": true, "DELETE": true, "MERGE": true, "REPLACE": true}

// firstWord returns the first word of s in capitals, comments and brackets
// passed over, and what follows it.
func firstWord(s string) (word, rest string) {
	for s != "" {
		switch c := s[0]; {
		case strings.HasPrefix(s, "--"):
			_, s, _ = strings.Cut(s, "\n")
		case strings.HasPrefix(s, "/*"):
			_, s, _ = strings.Cut(s[2:], "*/")
		case isLetter(c):
			n := 1
			for n < len(s) && (isLetter(s[n]) || s[n] >= '0' && s[n] <= '9') {
				n++
			}
			return strings.ToUpper(s[:n]), s[n:]
		default:
			s = s[1:]
		}
	}
	return "", ""
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c >= 0x80 }
