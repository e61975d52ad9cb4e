"""CuPy as far as a CPU shows it: an array library whose arrays do not mix with NumPy's."""

import numpy as np


class DeviceArray(np.ndarray):
    """Refuses what CuPy refuses: NumPy's arrays in its arithmetic, in its functions and as indices."""

    def __array_ufunc__(self, ufunc, method, *inputs, out=(), **options):
        check(inputs)
        made = getattr(ufunc, method)(*map(plain, inputs), out=tuple(map(plain, out)) or None, **options)
        return made.view(DeviceArray) if isinstance(made, np.ndarray) else made

    def __array_function__(self, function, types, arguments, options):
        check([*arguments, *options.values()])
        made = function(*map(plain, arguments), **{name: plain(value) for name, value in options.items()})
        return made.view(DeviceArray) if isinstance(made, np.ndarray) else made

    def __getitem__(self, index):
        check([index])
        return super().__getitem__(index)

    def __setitem__(self, index, value):
        check([index, value])
        super().__setitem__(index, value)


def check(values):
    for value in values:
        if isinstance(value, (list, tuple)):
            check(value)
        elif isinstance(value, np.ndarray) and not isinstance(value, DeviceArray):
            raise TypeError("Unsupported type <class 'numpy.ndarray'>")


def plain(value):
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value))
    return value.view(np.ndarray) if isinstance(value, DeviceArray) else value


def on_device(function):
    """A function of NumPy's whose arrays are DeviceArrays, in and out."""

    def called(*arguments, **options):
        check(arguments)
        return function(*map(plain, arguments), **options).view(DeviceArray)

    return called


def asarray(array):
    return np.array(array).view(DeviceArray)


def array(values, order):
    return np.array(values, order=order).view(DeviceArray)


def asnumpy(array):
    assert isinstance(array, DeviceArray)
    return np.array(array.view(np.ndarray))


arange, empty, clip, floor = on_device(np.arange), on_device(np.empty), on_device(np.clip), on_device(np.floor)
minimum, rint, where = on_device(np.minimum), on_device(np.rint), on_device(np.where)
ascontiguousarray = on_device(np.ascontiguousarray)
