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
// So does a method of what the decorator's constructor is given as its fallback,
// or the very thing that it decorates; so does the fallback of another dependency
// on the way, for two that lean on each other go round for ever. Fallbacks in code
// count too: those of resil.DoWith, hystrix-go, go-zero and failsafe-go. The
// dependency is known by its name, its interfaces and decorators, and by its
// client, such as a connection pool; an http.Client reaches many.
//
// Answer from something else: another dependency, memory, or a fixed value.
package fallbackloop
