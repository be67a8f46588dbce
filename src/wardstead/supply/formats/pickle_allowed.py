"""What a pickle may call: whatever is not listed here is refused.

Listed is what the libraries' own pickles call, and what does nothing but make a value of its arguments. A name is listed after
its code was read: no imports by name, no files, no attributes by name, no pickles inside (``torch.storage._load_from_bytes`` is
listed because what it is given is looked at as well).
"""

from __future__ import annotations

import re
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from typing import Final

_EXACT: Final[dict[str, frozenset[str]]] = {
    module: frozenset(names.split())
    for module, names in {
        "builtins": "object int float complex bool str bytes bytearray list tuple dict set frozenset slice range Ellipsis "
                    "NotImplemented hash",
        "collections": "OrderedDict defaultdict deque Counter namedtuple",
        "datetime": "datetime date time timedelta timezone",
        "decimal": "Decimal",
        "fractions": "Fraction",
        "uuid": "UUID",
        "pathlib": "PurePath PurePosixPath PureWindowsPath",
        "zoneinfo": "ZoneInfo._unpickle",
        "copyreg": "_reconstructor __newobj__ __newobj_ex__",
        "copy_reg": "_reconstructor",
        "_codecs": "encode",
        "array": "array _array_reconstructor",
        "enum": "Enum",
        "types": "SimpleNamespace",
        "argparse": "Namespace",
        "functools": "partial",
        "re": "_compile",
        "numpy": "mean median std var sum min max log log1p log2 log10 exp expm1 sqrt abs absolute square array asarray "
                 "dtype ndarray matrix core.multiarray._reconstruct float64 float32 float16 int64 int32 int16 int8 uint64 uint32 "
                 "uint16 uint8 bool_ bool str_ bytes_ void object_ complex64 complex128 datetime64 timedelta64 recarray longlong "
                 "ulonglong intc uintc longdouble clongdouble",
        "numpy.core.multiarray": "_reconstruct scalar",
        "numpy._core.multiarray": "_reconstruct scalar",
        "numpy.core.numeric": "_frombuffer",
        "numpy._core.numeric": "_frombuffer",
        "numpy.core.numerictypes": "object_",
        "numpy.ma": "MaskedArray",
        "numpy.ma.core": "_mareconstruct MaskedArray",
        "numpy.random._pickle": "__randomstate_ctor __generator_ctor __bit_generator_ctor",
        "numpy.random.mtrand": "RandomState",
        "numpy.random._mt19937": "MT19937 __pyx_unpickle_MT19937",
        "numpy.random._pcg64": "PCG64",
        "numpy.random.bit_generator": "__pyx_unpickle_SeedSequence SeedSequence",
        "numpy.dtypes": "Float64DType Float32DType Float16DType Int64DType Int32DType BoolDType",
        "torch": "FloatStorage DoubleStorage HalfStorage LongStorage IntStorage ShortStorage CharStorage ByteStorage BoolStorage "
                 "BFloat16Storage ComplexFloatStorage ComplexDoubleStorage UntypedStorage QInt8Storage QUInt8Storage QInt32Storage "
                 "Size device Tensor Generator float16 float32 float64 bfloat16 int8 int16 int32 int64 uint8 bool complex64 complex128 "
                 "half float double long int short qint8 quint8 qint32 float8_e4m3fn float8_e5m2 per_tensor_affine per_channel_affine "
                 "strided sparse_coo sparse_csr contiguous_format preserve_format channels_last uint16 uint32 uint64",
        "torch._utils": "_rebuild_tensor _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_parameter _rebuild_parameter_with_state "
                        "_rebuild_sparse_tensor _rebuild_sparse_csr_tensor _rebuild_qtensor _rebuild_device_tensor_from_numpy "
                        "_rebuild_meta_tensor_no_storage _rebuild_wrapper_subclass _rebuild_device_tensor_from_cpu_tensor",
        "torch._tensor": "_rebuild_from_type_v2",
        "torch.nn.parameter": "Parameter Buffer UninitializedParameter",
        "torch.storage": "_load_from_bytes UntypedStorage TypedStorage",
        "torch.serialization": "_get_layout",
        "torch.distributed.tensor": "DTensor",
        "torch.nn.functional": "relu gelu silu tanh sigmoid softmax elu leaky_relu",
        "torch.nn.modules.module": "Module",
        "torch.backends.cudnn": "rnn_flag",
        "joblib.numpy_pickle": "NumpyArrayWrapper",
        "sklearn.utils._bunch": "Bunch",
        "sklearn._loss.link": "IdentityLink LogLink LogitLink HalfLogitLink MultinomialLogit Interval",
        "sklearn.tree._tree": "Tree",
        "sklearn.neighbors._kd_tree": "newObj KDTree KDTree64 newObj64",
        "sklearn.neighbors._ball_tree": "newObj BallTree BallTree64 newObj64",
        "sklearn.metrics._dist_metrics": "newObj newObj64 EuclideanDistance EuclideanDistance64 MinkowskiDistance64",
        "scipy.interpolate._interpolate": "interp1d",
        "scipy.interpolate._bsplines": "BSpline",
        "scipy._lib.array_api_compat.numpy._aliases": "asarray",
        "sklearn.cluster._kmeans": "_kmeans_single_lloyd _kmeans_single_elkan",
        "sklearn.feature_selection._univariate_selection": "f_classif f_regression f_oneway r_regression chi2",
        "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
        "scipy.sparse._csr": "csr_matrix csr_array",
        "scipy.sparse._csc": "csc_matrix csc_array",
        "scipy.sparse._coo": "coo_matrix coo_array",
        "scipy.sparse.csr": "csr_matrix",
        "scipy.sparse.csc": "csc_matrix",
        "pandas": "DataFrame Series Index RangeIndex MultiIndex DatetimeIndex CategoricalIndex IntervalIndex Categorical "
                  "CategoricalDtype DatetimeTZDtype StringDtype Timestamp Timedelta Interval",
        "pandas.arrays": "DatetimeArray TimedeltaArray StringArray IntegerArray FloatingArray BooleanArray IntervalArray",
        "gensim.utils": "call_on_class_only",
        "pandas.core.frame": "DataFrame",
        "pandas.core.series": "Series",
        "pandas.core.internals.managers": "BlockManager SingleBlockManager",
        "pandas.core.internals.blocks": "new_block",
        "pandas._libs.internals": "_unpickle_block",
        "pandas.core.indexes.base": "Index _new_Index",
        "pandas.core.indexes.range": "RangeIndex",
        "pandas.core.indexes.multi": "MultiIndex",
        "pandas.core.indexes.datetimes": "DatetimeIndex _new_DatetimeIndex",
        "pandas.core.indexes.numeric": "Int64Index Float64Index",
        "pandas.core.arrays.categorical": "Categorical",
        "pandas.core.dtypes.dtypes": "CategoricalDtype",
        "pandas._libs.tslibs.timestamps": "_unpickle_timestamp Timestamp",
        "pandas._libs.arrays": "__pyx_unpickle_NDArrayBacked",
        "transformers.tokenization_utils_base": "BatchEncoding AddedToken",
        "transformers.trainer_utils": "IntervalStrategy EvaluationStrategy SchedulerType HubStrategy SaveStrategy FSDPOption",
        "transformers.training_args": "OptimizerNames TrainingArguments",
        "transformers.training_args_seq2seq": "Seq2SeqTrainingArguments",
        "transformers.trainer_pt_utils": "AcceleratorConfig",
        "sentence_transformers.training_args": "SentenceTransformerTrainingArguments BatchSamplers MultiDatasetBatchSamplers",
        "trl.trainer.dpo_config": "FDivergenceType FDivergenceConstants",
        "accelerate.state": "PartialState",
        "accelerate.utils.dataclasses": "DistributedType",
        "tokenizers": "AddedToken",
        "pytorch_lightning.callbacks.model_checkpoint": "ModelCheckpoint",
        "pytorch_lightning.utilities.parsing": "AttributeDict",
        "lightning_fabric.utilities.data": "AttributeDict",
        "lightning.fabric.utilities.data": "AttributeDict",
        "omegaconf.dictconfig": "DictConfig",
        "omegaconf.listconfig": "ListConfig",
        "omegaconf.base": "ContainerMetadata Metadata",
        "omegaconf.nodes": "AnyNode",
    }.items()
}  # fmt: skip
_LAYERS: Final = (
    "activation adaptive batchnorm channelshuffle container conv distance dropout flatten fold instancenorm linear loss normalization "
    "padding pixelshuffle pooling rnn sparse transformer upsampling"
)
_CLASSES: Final = re.compile(
    rf"torch\.nn\.modules\.(?:{'|'.join(_LAYERS.split())})\.[A-Z]\w*"
    r"|torch\.optim\.(?:adam|adamw|sgd|rmsprop|adagrad|lr_scheduler)\.[A-Z]\w*"
    r"|sklearn\.(?:linear_model|tree|ensemble|svm|neighbors|cluster|decomposition|preprocessing|naive_bayes|neural_network|pipeline|calibration"
    r"|compose|discriminant_analysis|feature_selection|gaussian_process|impute|isotonic|kernel_ridge|mixture|model_selection|multiclass"
    r"|multioutput|manifold|cross_decomposition|covariance|kernel_approximation|random_projection|semi_supervised|dummy)"
    r"(?:\.[a-z_]+)*\._?[A-Z]\w*"
    r"|sklearn\.feature_extraction\.(?:text\.(?:TfidfVectorizer|TfidfTransformer|CountVectorizer|HashingVectorizer)"
    r"|_dict_vectorizer\.DictVectorizer|_hash\.FeatureHasher|image\.PatchExtractor)"
    r"|sklearn\.metrics\._(?:classification|regression|ranking)\.[a-z_0-9]+|sklearn\.metrics\._scorer\._[A-Z]\w*"
    r"|sklearn\._loss\.(?:_loss|loss)\.(?:Cy[A-Z]\w*|[A-Z]\w*|__pyx_unpickle_Cy\w+)"
    r"|numpy\.(?:dtypes)\.[A-Z]\w*"
)
"""Classes of layers and estimators: made without arguments, their state is data. What they hold is looked at like the rest."""
_EMPTY: Final = re.compile(
    r"xgboost\.(?:core\.Booster|sklearn\.XGB\w+)|lightgbm\.(?:basic\.Booster|sklearn\.LGBM\w+)"
    r"|catboost\.core\.CatBoost\w*|trl\.trainer\.[a-z_]+_config\.[A-Z]\w*Config|gensim\.models\.(?:word2vec|keyedvectors|doc2vec|fasttext)\.[A-Z]\w*"
)
"""Classes that read files when they are made with arguments. Their pickles make them without, and give them a state."""
_HARMFUL: Final = frozenset(
    {
        "os", "posix", "nt", "posixpath", "ntpath", "subprocess", "sys", "runpy", "pty", "socket", "shutil", "ctypes",
        "_ctypes", "types", "code", "codeop", "pdb", "bdb", "timeit", "trace", "cProfile", "profile", "pip", "importlib",
        "webbrowser", "requests", "urllib", "http", "ftplib", "smtplib", "telnetlib", "xmlrpc", "asyncio", "multiprocessing",
        "threading", "_thread", "signal", "marshal", "pickle", "_pickle", "dill", "cloudpickle", "operator", "_operator",
        "inspect", "linecache", "ast", "zipimport", "pkgutil", "pydoc", "doctest", "distutils", "setuptools", "venv",
        "ensurepip", "platform", "idlelib", "lib2to3", "imp", "commands", "popen2", "builtins", "__builtin__", "io", "_io",
        "tempfile", "glob", "fileinput", "logging", "site", "sysconfig", "uuid", "httplib", "concurrent", "paramiko",
        "fabric", "aiohttp", "httpx", "pexpect", "sh", "torch", "numpy",
    }
)  # fmt: skip


def allowed(module: str, name: str) -> bool:
    """Whether a pickle may call it; names of Python 2 are those of Python 3, as ``pickle`` has it."""
    module, name = current(module, name)
    if name in _EXACT.get(module, ()):
        return True
    # From protocol 4 on a name may lead through what the module imported: sklearn.svm, _base.subprocess.Popen.
    return "." not in name and (_CLASSES.fullmatch(f"{module}.{name}") is not None or only_empty(module, name))


def only_empty(module: str, name: str) -> bool:
    """Whether it may be made without arguments alone."""
    return _EMPTY.fullmatch(f"{module}.{name}") is not None


def harmful(module: str) -> bool:
    """Whether what a module holds is known to harm, other than merely unknown."""
    return module.split(".", maxsplit=1)[0] in _HARMFUL


def current(module: str, name: str) -> tuple[str, str]:
    """The names that Python 3 looks up for those of a pickle of Python 2."""
    if (module, name) in NAME_MAPPING:
        return NAME_MAPPING[(module, name)]
    return IMPORT_MAPPING.get(module, module), name
