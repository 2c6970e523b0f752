// Package fallbackloop defines the rule fallbackloop.
//
// # Analyzer fallbackloop
//
// fallbackloop: finds fallbacks that reach the dependency they stand in for
//
// A fallback runs because its dependency is down. If it calls the same
// dependency, directly or through other functions, it fails for the same reason,
// or loads what is trying to recover.
//
//	//resil:fallback call=FromCache
//
//	func (s *Store) FromCache(ctx context.Context, id string) (Item, error) {
//		return s.db.Item(ctx, id) // the fallback of db reaches db
//	}
//
// So does a method of what the decorator's constructor is given as its fallback.
//
// Answer from something else: another dependency, memory, or a fixed value.
package fallbackloop
