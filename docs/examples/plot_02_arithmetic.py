"""
Both ways to see a transposed convolution
=========================================

Three inputs, three taps, stride 2. The same seven outputs, made in two ways.
"""

from npconvt import ConvGeometry, conv_transpose1d, plot

x, w = [1, 2, 3], [1, 10, 100]
print(conv_transpose1d([x], [[w]], stride=2))

geometry = ConvGeometry.conv_transpose((3,), (3,), stride=2)

# %%
# **Scatter**: each input adds its multiple of the kernel to the outputs, two pixels further on than the one before.
# These are the columns of the matrix.
plot.steps(geometry, transposed=True, view="scatter", input=x, weight=w)

# %%
# **Gather**: with zeros between the inputs, the flipped kernel moves by one. These are its rows. It shows why the
# result repeats a pattern of period 2: one output in two sees two inputs, the other sees one.
plot.steps(geometry, transposed=True, input=x, weight=w, which=[0, 1, 2, 3])

# %%
# In two dimensions, with padding and an output padding of one, which chooses 6x6 over 5x5:
geometry = ConvGeometry.conv_transpose((3, 3), (3, 3), stride=2, padding=1, output_padding=1)
plot.arithmetic(geometry, 14, transposed=True)
