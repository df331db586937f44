// Argocommands prints what `argo retry` and `argo resubmit` write, formulated by Argo's own code.
//
// The command line itself does not build from Argo's module, which lacks the pages that are embedded in it. The
// argument is "retry" or "resubmit", the standard input a Workflow as JSON. The output is a JSON object: the Workflow
// to write, and the pods to delete first.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	wfv1 "github.com/argoproj/argo-workflows/v3/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v3/workflow/util"
)

type answer struct {
	Workflow *wfv1.Workflow `json:"workflow"`
	Pods     []string       `json:"pods"`
}

func formulate(command string, workflow *wfv1.Workflow) (answer, error) {
	switch command {
	case "retry":
		retried, pods, err := util.FormulateRetryWorkflow(context.Background(), workflow, false, "", nil)
		return answer{retried, pods}, err
	case "resubmit":
		again, err := util.FormulateResubmitWorkflow(context.Background(), workflow, false, nil)
		return answer{again, nil}, err
	default:
		return answer{}, fmt.Errorf("no such command: %q", command)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: argocommands retry|resubmit < workflow.json")
	}
	var workflow wfv1.Workflow
	if err := json.NewDecoder(os.Stdin).Decode(&workflow); err != nil {
		return err
	}
	result, err := formulate(os.Args[1], &workflow)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
