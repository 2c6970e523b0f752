package outbox

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	bolt "go.etcd.io/bbolt"
)

// The file is a bbolt database:
//
//	meta   version → 1
//	queue  DEPENDENCY → (id, 8 bytes big endian → record)
//	dead   DEPENDENCY → (id → record)
//
// Ids of a queue rise and are never used again, so the order of keys is the
// order of writes. A record is its CRC-32C, 4 bytes big endian, and JSON.
// bbolt checks its meta pages only; the checksum finds what rots in between.
var (
	metaBucket  = []byte("meta")
	queueBucket = []byte("queue")
	deadBucket  = []byte("dead")

	versionKey = []byte("version")
	version    = []byte("1")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errCorrupt is the cause when a record's checksum is wrong.
var errCorrupt = errors.New("record is corrupt")

// record is one write as stored.
type record struct {
	Interface string    `json:"interface"`
	Method    string    `json:"method"`
	Key       string    `json:"key"`
	At        time.Time `json:"at"`
	Attempts  int       `json:"attempts,omitempty"` // begun deliveries that count
	Error     string    `json:"error,omitempty"`    // why it was set aside
	Payload   []byte    `json:"payload"`
}

func (r record) encode() ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	value := make([]byte, 4, 4+len(body))
	binary.BigEndian.PutUint32(value, crc32.Checksum(body, castagnoli))
	return append(value, body...), nil
}

func decode(value []byte) (r record, err error) {
	if len(value) < 4 || crc32.Checksum(value[4:], castagnoli) != binary.BigEndian.Uint32(value) {
		return record{}, errCorrupt
	}
	if err := json.Unmarshal(value[4:], &r); err != nil {
		return record{}, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	return r, nil
}

func idKey(id uint64) []byte { return binary.BigEndian.AppendUint64(nil, id) }

// initialise makes the buckets of a new file.
func initialise(tx *bolt.Tx) error {
	meta, err := tx.CreateBucket(metaBucket)
	if err != nil {
		return err
	}
	if err := meta.Put(versionKey, version); err != nil {
		return err
	}
	for _, name := range [][]byte{queueBucket, deadBucket} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return nil
}

// checkVersion refuses files that this code does not know, rather than losing
// what is in them.
func checkVersion(tx *bolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	if meta == nil || tx.Bucket(queueBucket) == nil || tx.Bucket(deadBucket) == nil {
		return errors.New("not an outbox file")
	}
	if v := meta.Get(versionKey); string(v) != string(version) {
		return fmt.Errorf("file has version %q; this program knows %q", v, version)
	}
	return nil
}

// push appends r to a dependency's records in the given bucket.
func push(tx *bolt.Tx, bucket []byte, dependency string, r record) error {
	b, err := tx.Bucket(bucket).CreateBucketIfNotExists([]byte(dependency))
	if err != nil {
		return err
	}
	id, err := b.NextSequence()
	if err != nil {
		return err
	}
	return put(b, id, r)
}

// pushRaw sets a record aside that cannot be read, as it is.
func pushRaw(tx *bolt.Tx, dependency string, value []byte) error {
	b, err := tx.Bucket(deadBucket).CreateBucketIfNotExists([]byte(dependency))
	if err != nil {
		return err
	}
	id, err := b.NextSequence()
	if err != nil {
		return err
	}
	return b.Put(idKey(id), append([]byte(nil), value...)) // value lies in the file's memory map
}

func put(b *bolt.Bucket, id uint64, r record) error {
	value, err := r.encode()
	if err != nil {
		return err
	}
	return b.Put(idKey(id), value)
}

// head returns the oldest write of a dependency's queue. A corrupt one is
// returned with errCorrupt.
func head(tx *bolt.Tx, dependency string) (id uint64, r record, found bool, err error) {
	b := tx.Bucket(queueBucket).Bucket([]byte(dependency))
	if b == nil {
		return 0, record{}, false, nil
	}
	k, v := b.Cursor().First()
	if k == nil {
		return 0, record{}, false, nil
	}
	if err := checkKey(b, nil, k); err != nil {
		return 0, record{}, false, err
	}
	r, err = decode(v)
	return binary.BigEndian.Uint64(k), r, true, err
}

// checkKey refuses a key that is no id, out of order, or not found where it
// belongs: a record that cannot be deleted would be delivered for ever.
func checkKey(b *bolt.Bucket, before, k []byte) error {
	if len(k) != 8 || bytes.Compare(before, k) >= 0 || b.Get(k) == nil {
		return fmt.Errorf("%w: key %x", errDamagedFile, k)
	}
	return nil
}

// scan visits every record of the file, corrupt ones with what is known of
// them: nothing.
func scan(tx *bolt.Tx, visit func(dependency string, dead bool, r record)) error {
	for _, bucket := range [][]byte{queueBucket, deadBucket} {
		root := tx.Bucket(bucket)
		err := root.ForEachBucket(func(name []byte) error {
			b := root.Bucket(name)
			var before []byte
			return b.ForEach(func(k, v []byte) error {
				if err := checkKey(b, before, k); err != nil {
					return err
				}
				before = k
				r, _ := decode(v) // delivery meets a corrupt one again and sets it aside
				visit(string(name), string(bucket) == string(deadBucket), r)
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
