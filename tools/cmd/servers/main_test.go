//go:build linux

package main

import (
	"errors"
	"os/exec"
	"testing"
)

func TestTheCommandSeesTheServers(t *testing.T) {
	script := `/usr/lib/postgresql/15/bin/psql -X -q -c 'select 1' "$RESIL_TEST_PG_DSN" >/dev/null &&
		[ "$RETAIL_REDIS_URL" = "redis://$RESIL_TEST_REDIS_ADDR" ] && [ -n "$RETAIL_S3_ENDPOINT" ]`
	if err := run(t.Context(), []string{"sh", "-c", script}); err != nil {
		t.Error(err)
	}
}

func TestTheCommandsExitCodeIsKept(t *testing.T) {
	err := run(t.Context(), []string{"sh", "-c", "exit 7"})
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("got %v, want exit status 7", err)
	}
}
