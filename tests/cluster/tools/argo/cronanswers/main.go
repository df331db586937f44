// Cronanswers tells what robfig/cron, which Argo's CronWorkflows are parsed and timed by, makes of schedules.
//
// The standard input is a JSON list of questions, {"schedule": ..., "after": unix seconds, "count": n}. The output is
// a list of their answers: the n times that follow, as unix seconds, or the error. A schedule without further times
// ends its list early. Where the machine has no time zones, Go brings its own.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

type question struct {
	Schedule string `json:"schedule"`
	After    int64  `json:"after"`
	Count    int    `json:"count"`
}

type answer struct {
	Times []int64 `json:"times"`
	Error string  `json:"error,omitempty"`
}

func ask(asked question) answer {
	schedule, err := cron.ParseStandard(asked.Schedule)
	if err != nil {
		return answer{Error: err.Error()}
	}
	times := []int64{}
	at := time.Unix(asked.After, 0).UTC()
	for len(times) < asked.Count {
		at = schedule.Next(at)
		if at.IsZero() {
			break
		}
		times = append(times, at.Unix())
	}
	return answer{Times: times}
}

func run() error {
	var questions []question
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		return err
	}
	answers := []answer{}
	for _, asked := range questions {
		answers = append(answers, ask(asked))
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
