// Package servers starts real servers for tests: PostgreSQL, Redis, an S3
// server, Toxiproxy, Prometheus and Alertmanager, each on a free port of the
// loopback interface, with its data in a temporary folder that goes when the
// server is stopped.
//
//	redis := servers.Test(t, servers.Redis)
//	client := goredis.NewClient(&goredis.Options{Addr: redis.Addr})
//
// A test that needs a server never skips for want of it. What is missing is
// installed: Debian's packages by install.sh (as root), Toxiproxy and the S3
// server by tools/tool at the versions that this repository pins. Where that
// cannot be done the test fails and says what to install.
//
// RESIL_TEST_PG_DSN and RESIL_TEST_REDIS_ADDR name servers that run already;
// these are used as they are, and never stopped.
//
// The package needs Linux. Servers die with the process that started them,
// also when that is killed.
package servers
