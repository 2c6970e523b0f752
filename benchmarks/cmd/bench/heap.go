package main

import "runtime"

// What an allocation costs is what the collector does for it later, and that
// depends on the heap around it: in an empty one the collector runs for every
// two megabytes. So the calls are measured beside a heap such as a small service
// has, half of it with pointers in it.
const heapSize = 32 << 20

type record struct {
	next *record
	_    [7]int64
}

type heap struct {
	records []*record
	bytes   []byte
}

func newHeap() *heap {
	const size = 64 + 8 // of a record and the pointer to it
	h := &heap{
		records: make([]*record, heapSize/2/size),
		bytes:   make([]byte, heapSize/2),
	}
	var last *record
	for i := range h.records {
		last = &record{next: last}
		h.records[i] = last
	}
	return h
}

// keep makes the heap live until here.
func (h *heap) keep() { runtime.KeepAlive(h) }
