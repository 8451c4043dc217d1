package schedule

import (
	"context"
	"errors"
	"io"
	"os/exec"
	"syscall"
	"time"
)

const (
	// finishWithin is how long a command may go on once its release is replaced, and stopWithin how long after it was
	// told to stop: both fit into the time that the orchestrator gives.
	finishWithin = 20 * time.Second
	stopWithin   = 5 * time.Second
)

// Command returns the work of running a program with words in the environment environ, with its output to stdout and
// stderr. Once ctx ends the program has 20 seconds to finish; then it gets SIGTERM, and 5 seconds later SIGKILL.
func Command(program string, words, environ []string, stdout, stderr io.Writer) Work {
	return func(ctx context.Context) (int, error) {
		running, stop := context.WithCancel(context.WithoutCancel(ctx))
		defer stop()
		ended := context.AfterFunc(ctx, func() {
			select {
			case <-running.Done():
			case <-time.After(finishWithin):
				stop()
			}
		})
		defer ended()

		command := exec.CommandContext(running, program, words...)
		command.Env, command.Stdout, command.Stderr = environ, stdout, stderr
		command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
		command.WaitDelay = stopWithin
		err := command.Run()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode(), err
		}
		return 0, err
	}
}
