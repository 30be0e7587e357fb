"""The screening as Prefect flows. Only this package imports Prefect.

A process that imports it is one of ours: it runs a flow, or serves flows.
"""

from dicom_sieve import garbage

garbage.search_seldom()  # before what is large is imported: of 2.5 s in which a run's process begins, 0.7 were this
