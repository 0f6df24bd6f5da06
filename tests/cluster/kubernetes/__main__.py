"""`python -m tests.cluster.kubernetes`: make what takes minutes, once: the programs, and the image's base."""

from tests.cluster.kubernetes import image, programs

if __name__ == "__main__":
    programs.programs()
    image.base()
