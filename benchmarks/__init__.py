"""weft beside its peers: masks, compile times, verdicts and memory, in one run on one machine.

    python -m benchmarks maskbench     JSON Schemas of MaskBench, token by token
    python -m benchmarks cfg           Lark grammars of JSON, SQL and C
    python -m benchmarks agree         every bit of the same masks, weft against llguidance, each difference explained
    python -m benchmarks suite         the JSON-Schema-Test-Suite
    python -m benchmarks infill        canvases of C++ and JSON; --quick for a sample
    python -m benchmarks denoise       the embedded diffusion model with and without a grammar
    python -m benchmarks memory        thousands of schemas through one process
    python -m benchmarks slow          where weft's time went in the last run
    python -m benchmarks table         every table of the last runs, into results/table.md and the README

Every engine lives in a worker process of its own on the same CPU, and they take turns job by job, so that whatever else
the machine does hits all of them alike. Times are CPU time of one thread; read the ratios, not the digits.
"""
