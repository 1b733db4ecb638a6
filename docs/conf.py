"""How the site is built: `sphinx-build -n -W docs docs/_build/html`, offline."""

import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

import inventories
import matplotlib
import public_names

import npconvt

matplotlib.use("Agg")
warnings.filterwarnings("error", module="__main__")  # an example that warns is an example to mend

project = "npconvt"
author = "the npconvt authors"
copyright = author
version = release = npconvt.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx_gallery.gen_gallery",
    "matplotlib.sphinxext.plot_directive",
    "mathml",
    "public_names",
]
exclude_patterns = ["_build", "examples", "auto_examples/*.ipynb", "auto_examples/*.py", "**/README.md"]
templates_path = ["_templates"]
nitpicky = True
default_role = "name"  # see _ext/public_names.py

# --- pages ---
myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
# The gallery executes its examples; the blocks of the pages are executed by tests/test_docs.py.
suppress_warnings = ["config.cache"]

# --- reference ---
public_names.write_pages(HERE / "api")
autosummary_generate = True
autodoc_typehints = "none"
autodoc_default_options = {"members": True, "inherited-members": False}
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

# --- other projects, offline: the few entries that these pages refer to ---
intersphinx_mapping = {
    "numpy": ("https://numpy.org/doc/stable/", inventories.write(HERE / "inventories" / "numpy.txt")),
    "scipy": ("https://docs.scipy.org/doc/scipy/", inventories.write(HERE / "inventories" / "scipy.txt")),
}

# --- gallery ---
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"plot_",
    "abort_on_example_error": True,
    "capture_repr": (),  # what is printed is shown, and the figure: not its repr, too
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 1e9,
    "write_computation_times": False,
    "within_subsection_order": "FileNameSortKey",
    "doc_module": ("npconvt",),
    "backreferences_dir": "api/generated/backreferences",
    "plot_gallery": True,
}

# --- pictures on the pages ---
plot_include_source = False
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 110)]

# --- appearance: nothing comes from another server ---
html_theme = "pydata_sphinx_theme"
html_title = "npconvt"
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_static_path = ["_static"]
html_css_files = ["npconvt.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "npconvt"},
    "show_prev_next": True,
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_context = {"default_mode": "auto"}
html_sidebars = {"index": [], "tutorial": []}
