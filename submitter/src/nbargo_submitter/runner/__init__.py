"""The program of a job's pod: runs the notebook, converts it, and leaves outcome.json behind.

The package travels in the manifest (`nbargo_submitter.bundle`) and needs nothing of nbargo there: the standard library,
papermill, and nbconvert for formats other than ipynb, all of which are the user's image's. It keeps to the syntax of
Python 3.8, because images are often older than the lab, and its modules import each other relatively.

It reads two environment variables: NBARGO_JOB, base64 of a JSON object with the members record (as
nbargo_shared.record writes it), directory (the job's own, absolute), parameters (JSON values by name) and kernel (a
name, or null for the notebook's own); and NBARGO_WORKFLOW_UID. What a scheduled run is given instead is told in
`start`. It ends with 0 (completed), 1 (failed), 2 (started wrongly) or 143 (told to end).
"""
